#pragma once
// Swift's own module of the C library leaves these out.
#include <malloc.h>
