#pragma once
#include <stddef.h>

/// A message and its SMTP server. No pointer is used after the call.
typedef struct {
    /// `smtp://host:port/name` or `smtps://host:port/name`; the name is the argument of EHLO.
    const char *url;
    /// Whether a connection without STARTTLS is closed before any command.
    int requires_starttls;
    /// A PEM file of certificates that replace the system's trust store; NULL for the trust store.
    const char *ca_file;
    /// NULL for a server without authentication.
    const char *user;
    const char *password;
    const char *sender;
    const char *recipient;
    /// RFC 5322 text with CRLF; libcurl doubles leading dots.
    const char *message;
    size_t message_bytes;
    long connect_timeout_ms;
    /// For the reply to each command, QUIT included.
    long step_timeout_ms;
    /// For the reply to QUIT, which the message does not need.
    long quit_timeout_ms;
    /// From the connection to the reply to QUIT.
    long timeout_ms;
} gatehouse_smtp_request;

/// The result of sending a message.
typedef struct {
    /// A CURLcode; 0 when the server accepted the message.
    int result;
    /// The server's last reply code; 0 when there was none.
    long reply_code;
    /// The start of the server's last reply line, terminated by NUL.
    char reply[64];
    /// libcurl's text for `result`.
    char explanation[128];
    /// Whether the whole message was sent, so that only the reply is missing.
    int is_handed_over;
} gatehouse_smtp_outcome;

/// Sends one message within the timeouts and blocks the calling thread.
void gatehouse_smtp_send(const gatehouse_smtp_request *request, gatehouse_smtp_outcome *outcome);

/// Whether `result` is a refused user name or password.
int gatehouse_smtp_is_denied(int result);
/// Whether `result` is a failure of TLS or of the certificate check.
int gatehouse_smtp_is_unsafe(int result);
