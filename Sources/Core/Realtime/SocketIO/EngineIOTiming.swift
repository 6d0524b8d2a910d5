import Modules

/// When the server sends pings, and how long their answers may take. Clients learn both when they connect.
struct EngineIOTiming: Sendable {
    let pingInterval: Duration
    /// Less than ``pingInterval``. A client that has not answered by then is disconnected, and one that has not
    /// connected to Socket.IO by the end of the first interval.
    let pingTimeout: Duration

    init(pingInterval: Duration = .seconds(25), pingTimeout: Duration = .seconds(20)) {
        precondition(.zero < pingTimeout && pingTimeout < pingInterval, "a ping is answered before the next one")
        self.pingInterval = pingInterval
        self.pingTimeout = pingTimeout
    }
}
