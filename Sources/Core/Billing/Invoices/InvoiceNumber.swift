import Modules

/// The texts that identify a document.
enum InvoiceNumber {
    /// `INV-2026-000001`; a seventh digit is added after 999,999.
    static func number(_ kind: Invoice.Kind, year: Int64, sequence: Int64) -> String {
        "\(prefix(kind))-\(padded(year, 4))-\(padded(sequence, 6))"
    }

    /// `INV-20260131-0A1B2C3D`.
    /// - Parameter random: four bytes.
    static func reference(_ kind: Invoice.Kind, at now: Instant, random: [UInt8]) -> String {
        let date = CivilDate(dayNumber: now.seconds.quotient(flooredBy: 86_400))
        let day = padded(date.year, 4) + padded(date.month, 2) + padded(date.day, 2)
        return "\(prefix(kind))-\(day)-\(Hex.encode(random).uppercased())"
    }

    private static func prefix(_ kind: Invoice.Kind) -> String {
        switch kind {
        case .invoice: "INV"
        case .creditNote: "CN"
        }
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
