/// A revision of the Model Context Protocol.
package enum MCPVersion: String, Sendable, CaseIterable, Comparable {
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    /// Without a handshake and sessions: each request carries what it needs.
    case july2026 = "2026-07-28"

    /// The newest one with a handshake.
    package static let newestWithHandshake = november2025

    package var hasHandshake: Bool { self < .july2026 }

    // The names are dates, which sort as texts.
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The names that the protocol reserves in `_meta`.
package enum MCPMeta {
    package static let protocolVersion = "io.modelcontextprotocol/protocolVersion"
    package static let clientInfo = "io.modelcontextprotocol/clientInfo"
    package static let clientCapabilities = "io.modelcontextprotocol/clientCapabilities"
    package static let serverInfo = "io.modelcontextprotocol/serverInfo"
}
