extension String {
    /// The text as the content of an HTML or XML element. In an attribute, quotation marks are to be escaped, too.
    package var escapedForMarkup: String {
        replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
