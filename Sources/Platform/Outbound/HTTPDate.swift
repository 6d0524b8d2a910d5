package import Base

extension Instant {
    /// - Parameter httpDate: the date of an HTTP header field, the IMF-fixdate of RFC 9110, section 5.6.7.
    package init?(httpDate: String) {
        guard
            let match = httpDate.wholeMatch(
                of: /[A-Za-z]{3}, (\d{2}) ([A-Za-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT/),
            let month = Self.months.firstIndex(of: String(match.output.2))
        else { return nil }
        let fields = match.output
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        self.init("\(fields.3)-\(number)-\(fields.1)T\(fields.4):\(fields.5):\(fields.6)Z")
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
