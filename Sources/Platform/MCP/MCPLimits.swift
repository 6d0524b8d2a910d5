/// What a server may take.
package struct MCPLimits: Sendable {
    /// Of the handshake, and of each page of tools.
    package var setupTimeout: Duration = .seconds(15)
    /// Of the call of a tool. A server that is reached by HTTP and sends nothing for 60 seconds has failed.
    package var callTimeout: Duration = .seconds(120)
    /// Bytes of a message, and of all messages before the answer.
    package var messageBytes = 4 << 20
    /// Tools of a server.
    package var tools = 200
    /// Requests for the list of tools.
    package var pages = 20
    /// Bytes of the definition of a tool; one that is larger is left out.
    package var definitionBytes = 32 << 10
    /// Messages before the answer, such as notifications.
    package var messages = 1_000

    package init() {}
}
