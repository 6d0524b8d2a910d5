/// What a client may take for the handshake of TLS.
package struct HandshakeLimits: Sendable {
    /// From the start of the connection to the end of the handshake; then the connection is closed.
    package let timeout: Duration
    /// After these bytes nothing further is read before the end of the handshake; a handshake without a certificate
    /// of the client has about two thousand.
    package let bytes: Int

    package init(timeout: Duration, bytes: Int) {
        self.timeout = timeout
        self.bytes = bytes
    }
}
