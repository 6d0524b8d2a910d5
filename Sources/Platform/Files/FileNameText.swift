extension StringProtocol {
    /// Whether people can tell the text apart as the name of a file: it has no backslash, no control character and no
    /// format character but the joiners, which names in some scripts, and emoji, have. Slashes are not looked for.
    package var isFileNameText: Bool {
        unicodeScalars.allSatisfy { scalar in
            let isJoiner = scalar.value == 0x200C || scalar.value == 0x200D
            let category = scalar.properties.generalCategory
            return scalar != "\\" && category != .control && (category != .format || isJoiner)
        }
    }
}
