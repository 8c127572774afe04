# The types of ranges.py where Cython compiles it.
cimport cython

cdef double _SMALLEST, _NOT_SET

@cython.locals(low=double, high=double)
cpdef bint holds(tuple ranges, double number)
cpdef bint is_number(bytes value, tuple ranges, bint whole) except -1
@cython.locals(form=tuple, numbers=tuple, number=double, measured=bint)
cpdef bint holds_all(bytes vr, bytes value, str order, tuple ranges) except -1
