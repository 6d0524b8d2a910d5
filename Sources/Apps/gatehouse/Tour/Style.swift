/// ANSI colours, where standard output is a terminal that shows them.
enum Style {
    static func bold(_ text: String) -> String { styled(text, 1) }
    static func dim(_ text: String) -> String { styled(text, 2) }
    static func red(_ text: String) -> String { styled(text, 31) }
    static func green(_ text: String) -> String { styled(text, 32) }
    static func yellow(_ text: String) -> String { styled(text, 33) }

    private static func styled(_ text: String, _ code: Int) -> String {
        Terminal.hasColours ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
