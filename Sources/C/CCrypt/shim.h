#pragma once
// crypt_ra and crypt_gensalt_ra are declared only with _GNU_SOURCE.
#define _GNU_SOURCE 1
#include <crypt.h>
