import Modules
import SpotDecisions

/// The page of a session. It has no script, and loads itself anew.
enum SessionPage {
    /// Seconds until the page of an active session is loaded again.
    private static let refreshSeconds = 5

    /// - Parameter messages: of the log, the oldest first.
    static func html(_ session: SandboxSession, _ messages: [JSONValue], at now: Instant) -> String {
        let isActive = session.isActive(at: now)
        let lines = messages.filter { $0["type"] == "log" }.reversed()
        let refresh = isActive ? "<meta http-equiv=\"refresh\" content=\"\(refreshSeconds)\">" : ""
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8">\(refresh)
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Sandbox session</title><link rel="stylesheet" href="/docs/style.css"></head>
            <body><main><h1>Sandbox session</h1>
            <table>\(facts(session, isActive, now).map(row).joined())</table>
            <h2>Log</h2>
            <table>\(lines.map(line).joined())</table>
            </main></body></html>
            """
    }

    private static func facts(_ session: SandboxSession, _ isActive: Bool, _ now: Instant) -> [(String, String)] {
        [
            ("State", isActive ? "active" : session.state == .ended ? "ended" : "expired"),
            ("Instance", session.instance),
            ("Type", session.pool.instanceType),
            ("Availability zone", session.pool.availabilityZone),
            ("Expires", session.expiresAt.description),
            ("Minutes remaining", "\(session.minutesRemaining(at: now))"),
            ("Clean-up", session.cleanUpReport ?? session.cleanUp.rawValue),
        ]
    }

    private static func row(_ fact: (name: String, value: String)) -> String {
        "<tr><th>\(fact.name)</th><td>\(fact.value.escapedForMarkup)</td></tr>"
    }

    private static func line(_ message: JSONValue) -> String {
        let cells = ["timestamp", "level", "log_type", "message"].map { name in
            "<td>\((message[name]?.string ?? "").escapedForMarkup)</td>"
        }
        return "<tr>\(cells.joined())</tr>"
    }
}
