#pragma once
// crypt_ra and crypt_gensalt_ra are declared only for GNU sources.
#define _GNU_SOURCE 1
#include <crypt.h>
