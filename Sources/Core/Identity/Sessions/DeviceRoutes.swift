import Modules

/// A person's own sessions: list them and end them.
struct DeviceRoutes {
    let devices: DeviceService
    let member: Member

    var routes: [Route] {
        [
            .get(
                "auth/sessions", "List your sessions", requires: member, .query("limit", 1...100, default: 50),
                .query("offset", 0...10_000, default: 0)
            ) { [devices] scope, limit, offset in
                try await devices.list(scope, limit: limit, offset: offset)
            },
            .delete(
                "auth/sessions/{session}", "End a session", requires: member.inPerson,
                .path("session", of: Session.self)
            ) { [devices] scope, session in
                try await devices.end(session, scope: scope)
                return NoContent()
            },
            .delete(
                "auth/sessions", "End your other sessions, or all", requires: member.inPerson,
                .query("scope", oneOf: ["others", "all"])
            ) { [devices] scope, which in
                try await devices.endAll(scope, includesCurrent: which == "all")
            },
        ]
    }
}
