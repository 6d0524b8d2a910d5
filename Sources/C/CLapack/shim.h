#pragma once
#include <cblas.h>
#include <lapacke.h>
// OpenBLAS declares this in a header that not every cblas.h includes.
void openblas_set_num_threads(int count);
