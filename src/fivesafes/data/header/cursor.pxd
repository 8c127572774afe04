# The types of cursor.py where Cython compiles it.  Indices are checked against the buffer (boundscheck), as the bytes
# are a stranger's; Py_ssize_t has 64 bits where this is compiled, so that no place and length add up beyond it.
cimport cython

cdef bint COMPILED
cdef Py_ssize_t _NONE, _SHORT, _LONG
cdef Py_ssize_t _item, _item_end, _sequence_end, _pixel_data, _undefined, _max_depth
cdef const unsigned char[::1] _KINDS_LITTLE, _KINDS_BIG

@cython.final
cdef class Cursor:
    cdef public object buffer
    cdef const unsigned char[::1] data
    cdef const char *letters
    cdef bytes held
    cdef bint whole
    cdef public Py_ssize_t place, first, limit, beyond, depth
    cdef public bint open
    cdef public Py_ssize_t tag, head, start, stop, kind
    cdef public bint undefined
    cdef dict ends
    cdef public bint explicit, little
    cdef object read_head, read_four

    cpdef read_as(self, bint explicit, bint little)
    @cython.locals(head="Py_ssize_t", start="Py_ssize_t", group="Py_ssize_t", number="Py_ssize_t", letters="Py_ssize_t",
                   length="Py_ssize_t", tag="Py_ssize_t", kind="Py_ssize_t")
    cpdef bint step(self) except -1
    cdef bint reaches_beyond(self)
    cdef Py_ssize_t kind_of(self, Py_ssize_t letters) except -1
    cdef Py_ssize_t two(self, Py_ssize_t place) except -1
    @cython.locals(group="Py_ssize_t", number="Py_ssize_t")
    cdef Py_ssize_t tag_at(self, Py_ssize_t place) except -1
    @cython.locals(number="Py_ssize_t", low="Py_ssize_t", high="Py_ssize_t")
    cdef Py_ssize_t four(self, Py_ssize_t place) except -1
    cpdef bytes piece(self, Py_ssize_t start, Py_ssize_t stop)
    cpdef bint follows(self, bytes key) except -1
    cdef bint stands_at(self, Py_ssize_t tag) except -1
    cpdef bytes vr(self)
    cpdef element(self)
    @cython.locals(tag="Py_ssize_t", length="Py_ssize_t")
    cpdef bint item(self, Py_ssize_t place, Py_ssize_t limit, bint delimited) except -1
    cpdef Py_ssize_t leave(self) except -1
    cdef Py_ssize_t skip_items(self, Py_ssize_t place, Py_ssize_t limit, bint delimited) except -1
    @cython.locals(tag="Py_ssize_t", kind="Py_ssize_t", head="Py_ssize_t", limit="Py_ssize_t", is_open=bint,
                   explicit=bint, little=bint, depth="Py_ssize_t", stop="Py_ssize_t")
    cdef Py_ssize_t _end(self, Py_ssize_t start) except -1
    @cython.locals(tag="Py_ssize_t", length="Py_ssize_t")
    cdef Py_ssize_t _end_of_fragments(self, Py_ssize_t place) except -1

@cython.locals(cursor=Cursor)
cdef _read(buffer, Py_ssize_t start, Py_ssize_t end, encoding, Py_ssize_t depth, list elements)
@cython.locals(cursor=Cursor, items=list, elements=list, place="Py_ssize_t", end="Py_ssize_t")
cdef list _read_items(buffer, element, encoding, Py_ssize_t depth)
