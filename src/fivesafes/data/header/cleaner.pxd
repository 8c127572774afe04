# The types of cleaner.py where Cython compiles it.
cimport cython
from fivesafes.data.header.cursor cimport Cursor
from fivesafes.data.header.runs cimport Pattern
from fivesafes.data.header.scan cimport Owner

@cython.final
cdef class Cleaner:
    cdef public frozenset paired
    cdef public Owner standard, unknown
    cdef public dict owners
    cdef object _stand, _target, _rules
    cdef str _order
    cdef Pattern _pattern
    cdef dict _creators, _moments, _numbers, _singles, _logs, _constant
    cdef list _told, _options
    cdef Py_ssize_t _remembered

    cdef _forget(self)
    cdef dict _always(self, options, tuple named)
    cdef _describe(self, dict made, Py_ssize_t tag, description, tally)
    @cython.locals(declared=bytes, vr=bytes, value=bytes, written=bytes)
    cpdef tuple applied(self, rule, Cursor cursor)
    @cython.locals(vr=bytes)
    cpdef opened(self, rule, Cursor cursor)
    cpdef bytes closed(self, Py_ssize_t tag, list items)
    cpdef kept(self, rule, list items)
    cpdef told(self, list log)
    cpdef remember(self, Py_ssize_t size)
    @cython.locals(moved=list, new=tuple, old=tuple)
    cdef list _moved(self, Py_ssize_t date, Py_ssize_t time, dict found)
    cdef tuple _removed(self, rule)
    cdef _number_of(self, outcome, str keyword, str option=*)
    cdef _number(self, tuple told)

cdef bytes _vr(bytes declared, rule)
