#pragma once
#include <stddef.h>

/// A message and the server that is to take it. Nothing of it is kept after the call.
typedef struct {
    /// `smtp://host:port/name` or `smtps://host:port/name`; the name is what EHLO says.
    const char *url;
    /// Whether a connection that cannot be encrypted by STARTTLS is given up.
    int requires_starttls;
    /// A PEM file of certificates to trust in place of the system's; NULL for those.
    const char *ca_file;
    /// NULL for a server that asks for no name.
    const char *user;
    const char *password;
    const char *sender;
    const char *recipient;
    /// RFC 5322 text with CRLF; libcurl doubles leading dots.
    const char *message;
    size_t message_bytes;
    long connect_timeout_ms;
    long timeout_ms;
} gatehouse_smtp_request;

/// What became of it.
typedef struct {
    /// A CURLcode; 0 when the server took the message.
    int result;
    /// The server's last reply code; 0 when there was none.
    long reply_code;
    /// The beginning of the server's last reply line.
    char reply[64];
    /// libcurl's own words for `result`.
    char explanation[128];
    /// Whether the server has been given the whole message, so that only its answer is missing.
    int is_handed_over;
} gatehouse_smtp_outcome;

/// Hands one message to a server, on the calling thread, within its timeouts.
void gatehouse_smtp_send(const gatehouse_smtp_request *request, gatehouse_smtp_outcome *outcome);

/// Whether `result` says that a name or password was not accepted.
int gatehouse_smtp_is_denied(int result);
/// Whether `result` says that the connection could not be made as safe as it has to be.
int gatehouse_smtp_is_unsafe(int result);
