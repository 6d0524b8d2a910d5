import Modules

struct FileUploaded: Payload {
    var success: Bool
    var fileId: ID<StoredFile>
    /// The address; of a private file it needs a signature.
    var fileUrl: String
    var name: String
    var mediaType: String
    var bytes: Int64
    var isPrivate: Bool

    init(_ file: StoredFile) {
        success = true
        fileId = file.id
        fileUrl = file.path
        name = file.name
        mediaType = file.mediaType
        bytes = file.bytes
        isPrivate = file.isPrivate
    }
}

/// The body of `POST /v1/integrations/create-file-signed-url`.
struct SignedAddressRequest: Payload {
    var fileId: ID<StoredFile>
    /// Seconds, at most a day; an hour by default.
    var expiresIn: Int?

    static let rules: [String: Rule] = ["expires_in": .range(1...86_400)]
}

struct SignedAddress: Payload {
    var success: Bool
    var signedUrl: String
    var expiresAt: Instant
}
