package import Modules

extension ClientInfo {
    /// The name of the cookie that holds the token of a known device.
    package static let deviceCookie = "__Host-gatehouse-device"

    /// The token of the device; nil where the client sends none.
    var deviceToken: String? { cookies[Self.deviceCookie] }
}
