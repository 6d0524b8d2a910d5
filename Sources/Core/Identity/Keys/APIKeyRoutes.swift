import Modules

/// A person's own API keys.
struct APIKeyRoutes {
    let apiKeys: APIKeyService
    let member: Member
    let verified: VerifiedRequirement

    /// The refusals of every endpoint that creates a key.
    private static let refusals: [Problem.Kind] = [.reauthenticationRequired, .tooManyAPIKeys, .notFound]

    var routes: [Route] {
        [
            .post(
                "auth/api-keys", "Create an API key; its text is shown once", requires: member.inPerson, verified,
                problems: Self.refusals + [.wrongPassword, .invalidSecondFactor, .accountLocked]
            ) { [apiKeys] (payload: APIKeyRequest, scope, _) in
                Created(try await apiKeys.create(payload, scope: scope))
            },
            .get("auth/api-keys", "List your API keys, newest first", requires: member) { [apiKeys] scope in
                try await apiKeys.list(scope)
            },
            .post(
                "auth/api-keys/{id}/rotation", "Rotate an API key; the old key remains valid for the overlap",
                requires: member.inPerson, verified, .path("id", of: APIKey.self),
                .query("overlap_hours", 0...168, default: Int(APIKey.overlap.inSeconds) / 3_600),
                problems: Self.refusals + [.apiKeyEnded]
            ) { [apiKeys] scope, _, id, hours in
                Created(try await apiKeys.rotate(id, overlap: .hours(Int64(hours)), scope: scope))
            },
            .delete("auth/api-keys/{id}", "Revoke an API key", requires: member.inPerson, .path("id", of: APIKey.self))
            { [apiKeys] scope, id in
                try await apiKeys.revoke(id, scope: scope)
                return NoContent()
            },
            .post(
                "user/profile/reset-api-key", "Revoke the default API key and create a new one",
                requires: member.inPerson, verified, problems: Self.refusals
            ) { [apiKeys] scope, _ in
                let issued = try await apiKeys.reset(scope)
                return APIKeyReset(
                    apiKey: issued.apiKey, id: issued.id,
                    message: "The old key is revoked. Keep the new one: it is not shown again.")
            },
        ]
    }
}
