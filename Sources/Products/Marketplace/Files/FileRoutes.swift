import Entitlements
import Files
import Identity
import Modules
import Rates

/// The endpoints of files and of the integrations.
struct FileRoutes: Sendable {
    let files: FileService
    let integrations: IntegrationService
    let member: Member
    let verified: VerifiedRequirement
    let entitlements: EntitlementsModule

    private static let upload: [Problem.Kind] = [
        .payloadTooLarge, .unsupportedMediaType, .invalidPayload, .tooMany, .storageFull,
    ]

    var routes: [Route] { uploads + services }

    private var uploads: [Route] {
        [
            .post(
                "integrations/upload-file", "Upload a file that anyone with its address reads", requires: member,
                verified, .multipart(texts: [], file: "file"), problems: Self.upload
            ) { [files] scope, _, incoming in try await files.upload(incoming, isPrivate: false, scope: scope) },
            .post(
                "integrations/upload-private-file", "Upload a file that signed addresses read", requires: member,
                verified, .multipart(texts: [], file: "file"), problems: Self.upload
            ) { [files] scope, _, incoming in try await files.upload(incoming, isPrivate: true, scope: scope) },
            .post(
                "integrations/create-file-signed-url", "Sign the address of a file", requires: member,
                problems: [.notFound]
            ) { [files] (body: SignedAddressRequest, scope) in try await files.signedAddress(body, scope: scope) },
            .get(
                "marketplace/files/{id}", "Read a file by its address", requires: .public,
                .path("id", of: StoredFile.self), .query("expires", 0...Int.max, default: 0),
                .query("signature", upTo: 100)
            ) { [files] _, id, expires, signature in
                try await files.download(id, expires: expires, signature: signature)
            },
            .delete(
                "marketplace/files/{id}", "Delete a file", requires: member, .path("id", of: StoredFile.self),
                problems: [.notFound, .notTheOwner]
            ) { [files] scope, id in try await files.delete(id, scope: scope) },
        ]
    }

    private var services: [Route] {
        [
            Route.post(
                "integrations/invoke-llm", "Ask the language model, which takes one iteration", requires: member,
                verified, entitlements.allowance(.iterations),
                problems: [.notConfigured, .modelUnavailable, .iterationsExhausted]
            ) { [integrations] (body: ModelPrompt, scope, _, allowance) in
                try await integrations.complete(body, scope: scope, allowance: allowance)
            }
            .guarded(by: entitlements.rate("integrations", .perMinute(20))),
            Route.post(
                "integrations/send-email", "Send an e-mail to your own address", requires: member,
                problems: [.emailNotVerified]
            ) { [integrations] (body: IntegrationEmail, scope) in try await integrations.sendEmail(body, scope: scope) }
            .guarded(by: entitlements.rate("integration-emails", .perMinute(5))),
        ]
            + [
                refused("generate-image", "pictures", ImagePrompt.self),
                refused("google-place-photos", "photos of places", PlaceQuery.self),
                refused("extract-data-from-file", "reading data from files", ExtractionRequest.self),
            ]
    }

    /// An integration that no setting of this program connects.
    private func refused<Body: Payload>(_ name: String, _ what: String, _: Body.Type) -> Route {
        Route.post(
            "integrations/\(name)", "Not configured: no service for \(what) can be connected", requires: member,
            problems: [.notConfigured]
        ) { [integrations] (_: Body, _) -> NoContent in try integrations.refuse(what) }
    }
}
