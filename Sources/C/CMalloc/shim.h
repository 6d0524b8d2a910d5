#pragma once
// Swift's module of the C library does not export mallopt.
#include <malloc.h>
