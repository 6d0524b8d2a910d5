#include "CCurl.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// One delivery, from the connection to the reply to QUIT.
typedef struct {
    gatehouse_smtp_outcome *outcome;
    double deadline;
    double quit_seconds;
    int is_quitting;
} delivery;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

typedef struct {
    const char *bytes;
    size_t left;
    int is_at_end;
} upload;

static size_t read_message(char *buffer, size_t size, size_t count, void *context) {
    upload *source = context;
    size_t room = size * count;
    size_t taken = source->left < room ? source->left : room;
    memcpy(buffer, source->bytes, taken);
    source->bytes += taken;
    source->left -= taken;
    // libcurl reads once more after the last byte, and then sends the end of the message.
    if (taken == 0) source->is_at_end = 1;
    return taken;
}

// libcurl passes the replies of the server as header lines.
static size_t note_reply(char *bytes, size_t size, size_t count, void *context) {
    delivery *current = context;
    gatehouse_smtp_outcome *outcome = current->outcome;
    size_t length = size * count;
    // The reply to QUIT would replace the reply to the message.
    if (current->is_quitting) return length;
    size_t kept = length < sizeof outcome->reply - 1 ? length : sizeof outcome->reply - 1;
    memcpy(outcome->reply, bytes, kept);
    outcome->reply[kept] = 0;
    outcome->reply_code = strtol(outcome->reply, NULL, 10);
    return length;
}

// libcurl shows the commands that it sends.
static int note_command(CURL *handle, curl_infotype type, char *bytes, size_t length, void *context) {
    delivery *current = context;
    (void)handle;
    if (type == CURLINFO_HEADER_OUT && length >= 4 && memcmp(bytes, "QUIT", 4) == 0 && !current->is_quitting) {
        current->is_quitting = 1;
        double end = seconds() + current->quit_seconds;
        if (end < current->deadline) current->deadline = end;
    }
    return 0;
}

// Called about once a second, also while libcurl waits for the reply to QUIT, which its own time limits leave out.
static int check_deadline(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    delivery *current = context;
    (void)a, (void)b, (void)c, (void)d;
    return seconds() > current->deadline;
}

static size_t ignore(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes;
    (void)context;
    return size * count;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void begin(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

void gatehouse_smtp_send(const gatehouse_smtp_request *request, gatehouse_smtp_outcome *outcome) {
    memset(outcome, 0, sizeof *outcome);
    outcome->result = CURLE_OUT_OF_MEMORY;
    pthread_once(&once, begin);
    CURL *handle = curl_easy_init();
    struct curl_slist *recipients = curl_slist_append(NULL, request->recipient);
    upload source = {request->message, request->message_bytes, 0};
    delivery current = {outcome, seconds() + (double)request->timeout_ms / 1e3, (double)request->quit_timeout_ms / 1e3,
                        0};
    if (handle && recipients) {
        curl_easy_setopt(handle, CURLOPT_URL, request->url);
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        // Proxy settings of the environment must not apply to e-mail.
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms);
        // The deadline of QUIT is checked once a second.
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, request->timeout_ms - 2 * request->quit_timeout_ms);
        curl_easy_setopt(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, (request->step_timeout_ms + 999) / 1000);
        curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, check_deadline);
        curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &current);
        curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
        curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, note_command);
        curl_easy_setopt(handle, CURLOPT_DEBUGDATA, &current);
        // The connection ends with the delivery, and with it the wait for the reply to QUIT. One that is kept is closed
        // by another handle, which waits for two minutes.
        curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
        long security = request->requires_starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE;
        curl_easy_setopt(handle, CURLOPT_USE_SSL, security);
        curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
        if (request->ca_file) curl_easy_setopt(handle, CURLOPT_CAINFO, request->ca_file);
        if (request->user) {
            curl_easy_setopt(handle, CURLOPT_USERNAME, request->user);
            curl_easy_setopt(handle, CURLOPT_PASSWORD, request->password ? request->password : "");
        }
        curl_easy_setopt(handle, CURLOPT_MAIL_FROM, request->sender);
        curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients);
        curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_message);
        curl_easy_setopt(handle, CURLOPT_READDATA, &source);
        curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, note_reply);
        curl_easy_setopt(handle, CURLOPT_HEADERDATA, &current);
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore);
        outcome->result = (int)curl_easy_perform(handle);
    }
    outcome->is_handed_over = source.is_at_end;
    snprintf(outcome->explanation, sizeof outcome->explanation, "%s", curl_easy_strerror((CURLcode)outcome->result));
    curl_slist_free_all(recipients);
    if (handle) curl_easy_cleanup(handle);
}

int gatehouse_smtp_is_denied(int result) { return result == CURLE_LOGIN_DENIED; }

int gatehouse_smtp_is_unsafe(int result) {
    switch (result) {
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return 1;
    default:
        return 0;
    }
}
