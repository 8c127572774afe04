# The types of runs.py where Cython compiles it.
cimport cython
from fivesafes.data.header.cursor cimport Cursor

cdef Py_ssize_t _LONGEST, _FEWEST, _MOST_LEARNT, _PATIENT, _MOST_PATIENT, _HELPED, _private, _pixel_data

@cython.final
cdef class Run:
    cdef public list pieces, tags, log
    cdef public bytes key, said
    cdef public Py_ssize_t first, last, standard, place
    cdef public bint private, known
    cdef public dict found, before, blocks, made, moments

    cdef move(self, Py_ssize_t place)
    @cython.locals(place="Py_ssize_t", number="Py_ssize_t")
    cdef Py_ssize_t same(self, Cursor cursor) except -1

@cython.final
cdef class Pattern:
    cdef public list runs
    cdef public bint learning
    cdef public Py_ssize_t patience, helped, passed, size
    cdef Py_ssize_t number, walked, length, last, standard
    cdef bint in_order
    cdef list pieces, tags

    cpdef forget(self)
    cpdef begin(self)
    @cython.locals(run=Run, same="Py_ssize_t")
    cpdef Run run_at(self, Cursor cursor)
    @cython.locals(size="Py_ssize_t")
    cpdef walked_over(self, Cursor cursor)
    cpdef end(self)
    cdef _close(self)
    @cython.locals(run=Run)
    cdef _split(self, Py_ssize_t end, Py_ssize_t begin)
    @cython.locals(tags=list, place="Py_ssize_t")
    cdef _part(self)

@cython.locals(found=dict, said=list, place="Py_ssize_t", limit="Py_ssize_t", begin="Py_ssize_t", run=Run)
cpdef tuple look(Cursor cursor, frozenset wanted, frozenset quoted, Pattern pattern)
@cython.locals(after="Py_ssize_t", limit="Py_ssize_t", begin="Py_ssize_t", said=list)
cdef _learn(Cursor cursor, frozenset wanted, frozenset quoted, Run run)
