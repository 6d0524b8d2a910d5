import Modules

struct ErasureRequest: Payload {
    var password: String
    /// A code of the authenticator, or a recovery code; required where MFA is enabled.
    var mfaCode: String?

    static let rules: [String: Rule] = ["password": .length(1...1_024), "mfa_code": .length(1...64)]
}

struct ErasureCancellationRequest: FormReadable {
    var token: String

    static let rules: [String: Rule] = ["token": .length(1...400)]
}

struct ErasureView: Payload {
    var scheduled: Bool
    var requestedAt: Instant?
    /// Until then the person can sign in and cancel.
    var dueAt: Instant?

    init(_ erasure: Erasure?) {
        scheduled = erasure != nil
        requestedAt = erasure?.requestedAt
        dueAt = erasure?.dueAt
    }
}
