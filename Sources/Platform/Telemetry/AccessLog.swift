import Base
package import Logging

/// The line of the log that every request has.
///
/// It reads as if its fields had been given to the logger one by one. They are written in their places right away
/// instead: a dictionary of them, sorted and searched for secrets each time, took a tenth of what a small answer takes
/// as a whole.
package struct AccessLog: Sendable {
    /// One request, answered.
    package struct Line: Sendable {
        package var requestID: String
        package var method: String
        /// As routed, never as written by the client.
        package var path: String
        package var status: Int
        package var duration: Duration
        package var clientAddress: String
        /// The account; nil for nobody.
        package var user: String?

        package init(
            requestID: String, method: String, path: String, status: Int, duration: Duration, clientAddress: String,
            user: String?
        ) {
            self.requestID = requestID
            self.method = method
            self.path = path
            self.status = status
            self.duration = duration
            self.clientAddress = clientAddress
            self.user = user
        }
    }

    private static let message = "request"

    private let logger: Logger
    /// Where the logger writes JSON and nothing of its own into each line.
    private let lines: JSONLines?

    package init(_ logger: Logger) {
        self.logger = logger
        lines = (logger.handler as? LineLogHandler)?.jsonLines(.info, Self.message)
    }

    package func note(_ line: Line) {
        guard logger.logLevel <= .info else { return }
        guard let lines else { return logger.info("\(Self.message)", metadata: line.metadata) }
        let lost = lines.write { line.add(to: &$0) }
        if lost > 0 { logger.warning(LineLogHandler.loss, metadata: ["count": .stringConvertible(lost)]) }
    }
}

extension AccessLog.Line {
    fileprivate var milliseconds: String {
        let microseconds = max(0, duration.microseconds)
        // A thousand more gives the fraction its three digits; the first of the four is left out.
        return (microseconds / 1_000).description + "." + (1_000 + microseconds % 1_000).description.dropFirst()
    }

    /// In the order of the names, which is that of all lines.
    fileprivate func add(to line: inout JSONLine) {
        line.add("client_ip", clientAddress)
        line.add("duration_ms", number: milliseconds)
        line.add("method", method)
        line.add("path", path)
        line.add("request_id", requestID)
        line.add("status", number: status.description)
        line.add("user", user ?? "-")
    }

    fileprivate var metadata: Logger.Metadata {
        [
            "client_ip": .string(clientAddress),
            "duration_ms": .stringConvertible(Double(milliseconds) ?? 0),
            "method": .string(method),
            "path": .string(path),
            "request_id": .string(requestID),
            "status": .stringConvertible(status),
            "user": .string(user ?? "-"),
        ]
    }
}
