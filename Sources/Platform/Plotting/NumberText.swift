import Foundation

/// Formats numbers independently of locales: a true minus, narrow spaces between thousands, powers of ten.
enum NumberText {
    /// - Returns: `value` × 10 to the `exponent`.
    static func shifted(_ value: Double, by exponent: Int) -> Double {
        exponent < 0 ? value / pow(10, Double(-exponent)) : value * pow(10, Double(exponent))
    }

    static func fixed(_ value: Double, decimals: Int) -> String {
        let parts = String(format: "%.\(decimals)f", abs(value)).split(separator: ".")
        let isZero = parts.allSatisfy { $0.allSatisfy { $0 == "0" } }
        let digits = ([grouped(parts[0])] + parts.dropFirst().map(String.init)).joined(separator: ".")
        return value < 0 && !isZero ? "−" + digits : digits
    }

    /// Four significant digits.
    static func short(_ value: Double) -> String {
        guard value != 0 else { return "0" }
        let parts = String(format: "%.3e", value).split(separator: "e")
        guard parts.count == 2, let digits = Double(parts[0]), let exponent = Int(parts[1]) else { return "–" }
        if (-3...5).contains(exponent) { return withoutTrailingZeros(fixed(value, decimals: max(0, 3 - exponent))) }
        return withoutTrailingZeros(fixed(digits, decimals: 3)) + "×" + power(exponent)
    }

    /// 10 with a superscript exponent.
    static func power(_ exponent: Int) -> String {
        let raised = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        return "10" + (exponent < 0 ? "⁻" : "")
            + String(String(abs(exponent)).compactMap { $0.wholeNumberValue.map { raised[$0] } })
    }

    /// Numbers of up to four digits are not grouped.
    private static func grouped(_ digits: Substring) -> String {
        guard digits.count > 4 else { return String(digits) }
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append("\u{202F}") }
            text.append(digit)
        }
        return text
    }

    private static func withoutTrailingZeros(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var text = text[...]
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return String(text)
    }
}
