#include "CCurl.h"
#include <curl/curl.h>

const char *gatehouse_curl_version(void) { return curl_version(); }
