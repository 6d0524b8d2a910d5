#pragma once

/// The version of libcurl that this program runs with.
const char *gatehouse_curl_version(void);
