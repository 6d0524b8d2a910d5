import Modules

/// The export of a person's own data.
struct ExportRoutes {
    let exports: ExportService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "user/export", "Request an export of your data", requires: member.inPerson, problems: [.exportTooSoon]
            ) { [exports] scope in
                Accepted(try await exports.request(scope), follow: "/v1/user/export")
            },
            .get("user/export", "Get the state of your export and its link", requires: member) { [exports] scope in
                try await exports.view(scope)
            },
            .get(
                "user/export/{token}", "Download an export by the token of its link", requires: .public,
                .path("token")
            ) { [exports] client, token in
                try await exports.fetch(token, client: client)
            },
        ]
    }
}
