/// The codes of errors: those of JSON-RPC 2.0, section 5.1, and those that MCP adds.
package enum MCPErrorCode {
    package static let parseError: Int64 = -32_700
    package static let invalidRequest: Int64 = -32_600
    package static let methodNotFound: Int64 = -32_601
    package static let invalidParams: Int64 = -32_602
    package static let internalError: Int64 = -32_603
    /// Header fields that differ from the body.
    package static let headerMismatch: Int64 = -32_020
    package static let missingClientCapability: Int64 = -32_021
    package static let unsupportedVersion: Int64 = -32_022

    /// Only servers without a handshake send these.
    static let modern: Set = [headerMismatch, missingClientCapability, unsupportedVersion]
}
