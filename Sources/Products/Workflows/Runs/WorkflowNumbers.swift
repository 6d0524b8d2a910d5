import Modules

/// Numbers as responses show them.
enum WorkflowNumbers {
    /// Four decimals.
    static func confidence(_ value: Double) -> DecimalNumber {
        DecimalNumber(Int64((value * 10_000).rounded()), fractionDigits: 4)
    }

    /// Milliseconds.
    static func seconds(_ value: Double) -> DecimalNumber {
        DecimalNumber(Int64((min(max(value, 0), 1e12) * 1_000).rounded()), fractionDigits: 3)
    }
}
