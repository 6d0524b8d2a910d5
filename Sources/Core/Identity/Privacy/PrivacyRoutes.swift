import Modules

extension PrivacyModule {
    /// Taking one's data along, and having it erased.
    var privacyRoutes: [Route] {
        let member = identity.member
        return [
            .post("user/export", "Have a copy of everything about you made", requires: member.inPerson) { scope in
                Accepted(try await exports.request(scope), follow: "/v1/user/export")
            },
            .get("user/export", "How far the copy is, and where it can be fetched", requires: member) { scope in
                try await exports.view(scope)
            },
            .get("user/export/{token}", "Fetch the copy: whoever has the link can", requires: .public, .path("token")) {
                visitor, token in
                try await exports.fetch(token, visitor: visitor)
            },
            .post(
                "user/erasure", "Have your account erased, in 14 days", requires: member.inPerson,
                problems: [.wrongPassword, .accountLocked, .soleOwner]
            ) { (request: ErasureRequest, scope) in
                Accepted(try await erasures.request(request, scope: scope), follow: "/v1/user/erasure")
            },
            .get("user/erasure", "Whether your account will be erased, and when", requires: member) { scope in
                try await erasures.view(scope)
            },
            .get(
                "keep-account", "The page that the link of an erasure's letter opens", requires: .public,
                .query("token", upTo: 400)
            ) { _, token in
                VerificationPages.keepAccount(token: token ?? "")
            },
            .post(
                "user/erasure/cancellation", "Keep your account after all, by the link of the letter",
                requires: .public, problems: [.notFound]
            ) {
                (request: ErasureCancellationRequest, visitor) in
                try await erasures.cancel(request.token, visitor: visitor)
            },
            .delete("user/erasure", "Keep your account after all", requires: member.inPerson) { scope in
                try await erasures.cancel(scope)
            },
        ]
    }
}

struct ExportView: Payload {
    enum State: String, Codable, Sendable, CaseIterable {
        /// Nobody asked for one, or its time is over.
        case none
        case preparing, ready, failed
    }

    var id: ID<Export>?
    var state: State
    var requestedAt: Instant?
    var readyAt: Instant?
    /// When the link stops working and the copy is deleted.
    var expiresAt: Instant?
    var bytes: Int64?
    /// Where the copy can be fetched, by whoever has the address.
    var link: String?
}

struct ErasureRequest: Payload {
    var password: String

    static let rules: [String: Rule] = ["password": .length(1...1_024)]
}

struct ErasureCancellationRequest: FormReadable {
    var token: String

    static let rules: [String: Rule] = ["token": .length(1...400)]
}

struct ErasureView: Payload {
    var scheduled: Bool
    var requestedAt: Instant?
    /// Until then you can sign in, and change your mind.
    var dueAt: Instant?
}

extension Problem.Kind {
    static let soleOwner = Self(
        "sole-owner", "You are the last owner of an organisation with other members", status: 409)
}
