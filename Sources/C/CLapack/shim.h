#pragma once
#include <cblas.h>
#include <lapacke.h>
// OpenBLAS declares this in a header of its own that cblas.h does not always bring.
void openblas_set_num_threads(int count);
