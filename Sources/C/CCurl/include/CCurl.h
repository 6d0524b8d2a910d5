#pragma once
#include <stddef.h>

/// A message and its SMTP server. The pointers are not used after the call.
typedef struct {
    /// `smtp://host:port/name` or `smtps://host:port/name`; the name is the argument of EHLO.
    const char *url;
    /// Whether a connection without STARTTLS is closed before the message is sent.
    int requires_starttls;
    /// A PEM file of trusted certificates; NULL for those of the system.
    const char *ca_file;
    /// NULL for no authentication.
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

/// The result of sending a message.
typedef struct {
    /// A CURLcode; 0 when the server accepted the message.
    int result;
    /// The server's last reply code; 0 without a reply.
    long reply_code;
    /// The first bytes of the server's last reply line, with a 0 at the end.
    char reply[64];
    /// libcurl's text for `result`.
    char explanation[128];
    /// Whether the whole message was sent. Without a reply it is then open whether the server accepted it.
    int is_handed_over;
} gatehouse_smtp_outcome;

/// Sends one message, on the calling thread, within the timeouts of the request.
void gatehouse_smtp_send(const gatehouse_smtp_request *request, gatehouse_smtp_outcome *outcome);

/// Whether `result` is a refused authentication.
int gatehouse_smtp_is_denied(int result);
/// Whether `result` is a failure to establish the required TLS connection.
int gatehouse_smtp_is_unsafe(int result);
