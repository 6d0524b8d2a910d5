import Base

/// An Internet message (RFC 5322) with a text and an HTML part (RFC 2046, multipart/alternative).
///
/// Its bytes are a function of the outbox row alone: a repeated delivery has the same bytes and the same Message-ID.
struct Message: Sendable {
    let id: ID<Email>
    let sender: Mailbox
    let recipient: Mailbox
    let bytes: [UInt8]

    /// - Throws: ``HeaderFault``.
    init(id: ID<Email>, createdAt: Instant, from sender: Sender, to recipient: Mailbox, _ content: RenderedEmail)
        throws(HeaderFault)
    {
        self.id = id
        self.sender = sender.mailbox
        self.recipient = recipient
        // Quoted-printable text never contains "=_", so that no part contains the boundary.
        let boundary = "=_\(id.text)"
        var lines = [
            "Date: \(Self.date(createdAt))",
            try HeaderText.mailbox(sender.name, sender.mailbox.address, field: "From"),
            try HeaderText.mailbox("", recipient.address, field: "To"),
            try HeaderText.field("Subject", content.subject),
            "Message-ID: <\(id.text)@\(sender.mailbox.domain)>",
            "MIME-Version: 1.0",
            // RFC 3834: automatic responders (vacation notices) do not reply to it.
            "Auto-Submitted: auto-generated",
            "Content-Type: multipart/alternative;\r\n boundary=\"\(boundary)\"",
            "",
        ]
        for (type, text) in [("text/plain", content.text), ("text/html", content.html)] {
            lines += [
                "--\(boundary)", "Content-Type: \(type); charset=utf-8", "Content-Transfer-Encoding: quoted-printable",
                "", QuotedPrintable.encode(text),
            ]
        }
        lines += ["--\(boundary)--", ""]
        bytes = Array(lines.joined(separator: "\r\n").utf8)
    }

    /// RFC 5322, section 3.3, in UTC.
    private static func date(_ instant: Instant) -> String {
        let dayNumber = instant.seconds.quotient(flooredBy: 86_400)
        let day = CivilDate(dayNumber: dayNumber)
        let time = instant.seconds - dayNumber * 86_400
        let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][Int(CivilDate.weekday(dayNumber: dayNumber))]
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
            Int(day.month) - 1]
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let clock = "\(two(time / 3_600)):\(two(time / 60 % 60)):\(two(time % 60))"
        return "\(weekday), \(two(day.day)) \(month) \(day.year) \(clock) +0000"
    }
}

/// The quoted-printable encoding: lines of at most 76 printable ASCII characters (RFC 2045, section 6.7).
enum QuotedPrintable {
    private static let lineMax = 76

    /// - Parameter text: lines that end with LF.
    static func encode(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { encode(line: Array($0.utf8)) }.joined(
            separator: "\r\n")
    }

    private static func encode(line: [UInt8]) -> String {
        var lines: [String] = []
        var current = ""
        for (index, byte) in line.enumerated() {
            let isSpace = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
            // Mail servers may remove white space at the end of a line.
            let isPlain = isSpace ? index < line.count - 1 : (33...126).contains(byte) && byte != UInt8(ascii: "=")
            let piece = isPlain ? String(UnicodeScalar(byte)) : "=" + Hex.encode([byte]).uppercased()
            // One character is reserved for the soft line break "=".
            if current.utf8.count + piece.utf8.count > lineMax - 1 {
                lines.append(current + "=")
                current = ""
            }
            current += piece
        }
        return (lines + [current]).joined(separator: "\r\n")
    }
}
