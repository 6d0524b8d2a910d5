import Foundation

/// Numbers of bytes for a reader.
enum ByteCount {
    /// Such as `17 B`, `1.5 kB` and `240.0 MB`: powers of 1000.
    static func text(_ bytes: Int64) -> String {
        guard bytes >= 1_000 else { return "\(bytes) B" }
        var (value, unit) = (Double(bytes), 0)
        let units = ["B", "kB", "MB", "GB", "TB"]
        while value >= 1_000, unit < units.count - 1 { (value, unit) = (value / 1_000, unit + 1) }
        return String(format: "%.1f \(units[unit])", value)
    }
}
