import Modules

struct SecondFactorSetupRequest: Payload {
    var password: String

    static let rules: [String: Rule] = ["password": .length(1...1_024)]
}

struct SecondFactorCodeRequest: Payload {
    /// The six digits of the authenticator.
    var code: String

    static let rules: [String: Rule] = ["code": .length(1...64)]
}

struct SecondFactorChangeRequest: Payload {
    var password: String
    /// A code of the authenticator, or a recovery code.
    var code: String

    static let rules: [String: Rule] = ["password": .length(1...1_024), "code": .length(1...64)]
}

struct SecondFactorStatus: Payload {
    var enabled: Bool
    var enabledAt: Instant?
    /// Whether an authenticator was set up and not confirmed by a code.
    var pending: Bool
    var backupCodesRemaining: Int64
}

/// The secrets of a new authenticator. No other response contains them.
struct SecondFactorSetup: Payload {
    /// In base32, for manual input.
    var secret: String
    var otpauthUri: String
    /// The QR code of the URI: a data URL with a PNG image.
    var qrCode: String
    var backupCodes: [String]
}

struct RecoveryCodes: Payload {
    var backupCodes: [String]
}

struct RecoveryCodeCount: Payload {
    var remaining: Int64
}
