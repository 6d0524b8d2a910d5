import Modules

extension IdentityModule {
    /// One's own sessions: to look at, and to end.
    var deviceRoutes: [Route] {
        [
            .get(
                "auth/sessions", "The devices on which one is signed in", requires: member,
                .query("limit", 1...100, default: 50),
                .query("offset", 0...10_000, default: 0)
            ) {
                scope, limit, offset in try await sessions.devices(scope, limit: limit, offset: offset)
            },
            .delete(
                "auth/sessions/{session}", "Sign a device out", requires: member.inPerson,
                .path("session", of: Session.self)
            ) { scope, session in
                try await sessions.end(session, scope: scope)
                return NoContent()
            },
            .delete(
                "auth/sessions", "Sign the other devices out, or all", requires: member.inPerson,
                .query("scope", oneOf: ["others", "all"])
            ) {
                scope, which in
                try await sessions.endAll(scope, alsoCurrent: which == "all")
            },
        ]
    }
}
