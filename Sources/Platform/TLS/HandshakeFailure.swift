/// Why a handshake of TLS did not complete; the raw value is a label of the metric.
enum HandshakeFailure: String {
    /// No common version or cipher, a certificate that the client refuses, bytes that are not TLS, or an early end.
    case refused
    case timeout
    case tooManyBytes = "bytes"
    /// A request without TLS.
    case plainHTTP = "plain_http"
}
