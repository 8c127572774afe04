# The types of scan.py where Cython compiles it.
cimport cython
from fivesafes.data.header.cursor cimport Cursor
from fivesafes.data.header.runs cimport Pattern, Run

cdef Py_ssize_t _private, _max_depth, _REMEMBERED, _REMEMBERED_BLOB

@cython.final
cdef class Answer:
    cdef public object rule, number
    cdef public bint dropped, paired, sequence, blob

@cython.final
cdef class Owner:
    cdef public bytes creator
    cdef public dict rules, answers, marks, explicit, implicit, blobs

    cpdef forget(self)

@cython.final
cdef class Scan:
    cdef Cursor cursor
    cdef object cleaning
    cdef Owner standard, unknown
    cdef dict owners

    @cython.locals(made=dict, moments=dict, blocks=dict)
    cdef dict level(self, list log)
    @cython.locals(cursor=Cursor, last="Py_ssize_t")
    cdef elements(self, list log, dict made, dict moments, dict blocks)
    @cython.locals(cursor=Cursor, tag="Py_ssize_t", owner=Owner, answer=Answer)
    cdef element(self, list log, dict made, dict moments, dict blocks)
    cdef Answer _ask(self, Owner owner, Py_ssize_t tag)
    @cython.locals(owner=Owner)
    cdef Owner _reserved(self, bytes value)
    @cython.locals(mark=bytes)
    cdef _mark(self, Owner owner, Py_ssize_t place, dict made)
    @cython.locals(cursor=Cursor, size="Py_ssize_t", known=dict, key=bytes, made=tuple)
    cdef _made(self, Owner owner, Answer answer, list log)
    @cython.locals(cursor=Cursor, key=bytes, met=list)
    cdef tuple _blob(self, Owner owner, Answer answer)
    @cython.locals(log=list)
    cdef tuple _fresh(self, Answer answer)
    @cython.locals(cursor=Cursor, made=tuple, tag="Py_ssize_t", after="Py_ssize_t", stop="Py_ssize_t",
                   limit="Py_ssize_t", is_open=bint, explicit=bint, little=bint, place="Py_ssize_t", items=list,
                   level=dict)
    cdef _sequence(self, Answer answer, list log)

@cython.locals(scan=Scan, made=dict, moments=dict, blocks=dict, run=Run)
cpdef dict clean_level(Cursor cursor, cleaning, Pattern pattern, list log)
@cython.locals(cursor=Cursor, after="Py_ssize_t", limit="Py_ssize_t")
cdef _learn(Scan scan, Run run, dict blocks)
