# The types of values.py where Cython compiles it.
cimport cython

cpdef apply_rule(rule, bytes vr, bytes value, stand, str order=*)
cdef _checked(rule, bytes vr, bytes value, stand, str order)
@cython.locals(length="Py_ssize_t")
cpdef bytes encode(Py_ssize_t tag, bytes vr, bytes value, encoding)
cpdef bytes encode_items(list items, encoding)
cdef _binary(rule, bytes vr, bytes value, str order)
cdef bint _reads_as_text(bytes value) except -1
@cython.locals(numbers=tuple)
cdef bint _holds_more(bytes vr, bytes value) except -1
@cython.locals(parts=list, old=list, new=list, part=bytes, joined=bytes, replaced=bint)
cdef _text(rule, bytes vr, bytes value)
@cython.locals(ranges=tuple, whole=bint, part=bytes)
cdef bint _all_numbers(rule, clean, list parts) except -1
cdef bint _is_date(list parts) except -1
cdef _outcome(bytes old, bytes new, bint replaced)
