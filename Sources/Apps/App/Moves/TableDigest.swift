import Foundation
import Modules
import Secrets

/// A digest of rows in their order, the same for equal rows of either engine: SHA-256 of each value's type and bytes.
struct TableDigest: Sendable {
    private var digest = Digest()

    mutating func add(_ rows: [Row]) {
        var bytes: [UInt8] = []
        for row in rows {
            for value in row.values { Self.append(value, to: &bytes) }
        }
        digest.update(bytes)
    }

    /// Of all rows so far, in hexadecimal.
    func hex() -> String { digest.hex() }

    /// Texts have their length before them, so that no two lists of values have the same bytes.
    private static func append(_ value: SQL.Value, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(0)
        case .integer(let number):
            bytes.append(1)
            append(UInt64(bitPattern: number), to: &bytes)
        case .real(let number):
            bytes.append(2)
            append(number.bitPattern, to: &bytes)
        case .text(let text):
            bytes.append(3)
            append(UInt64(text.utf8.count), to: &bytes)
            bytes += text.utf8
        }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
    }
}
