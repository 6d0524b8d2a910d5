package import Modules

/// An event that clients of Socket.IO may send, and what it does.
package struct SocketEvent: Sendable {
    let name: String
    let handle: @Sendable (JSONValue, SocketClient) async throws -> Void

    /// - Parameters:
    ///   - name: 1 to 64 letters, digits, `_`, `-` and `.`.
    ///   - handle: gets the first argument of the event, or null. Events of one client are handled one after the other.
    ///     An error closes the connection of the client, so it reports by an event what the client can act on.
    package init(_ name: String, handle: @escaping @Sendable (JSONValue, SocketClient) async throws -> Void) {
        precondition((1...64).contains(name.utf8.count), "'\(name)' is not the name of an event")
        self.name = name
        self.handle = handle
    }
}
