import Base

/// E-mails to the owner and to verified addresses.
///
/// "It" stays what it was before an e-mail.
enum MailSkill: Skill {
    static let forms = [
        SkillForm(
            "mail.content",
            "(e-mail|email|mail|send) {content} to {addresses} [with [the] subject {subject:text}]",
            example: "e-mail it to ann@example.com with the subject \"Sales\""
        ) { match, draft throws(FormFault) in try send(match.content("content"), match, &draft) },
        SkillForm(
            "mail.address", "(e-mail|email|mail|send) {addresses} {content} [with [the] subject {subject:text}]",
            example: "send me the result"
        ) { match, draft throws(FormFault) in try send(match.content("content"), match, &draft) },
        SkillForm(
            "mail.saying",
            "(send|write) an (e-mail|email|mail) to {addresses} [with [the] subject {subject:text}] "
                + "(saying|that says|with the text|and say) {text}",
            example: "send an e-mail to ann@example.com saying \"The report is ready.\""
        ) { match, draft throws(FormFault) in try send(.literal(match.text("text")), match, &draft) },
        SkillForm(
            "mail.containing",
            "(send|write) an (e-mail|email|mail) [with [the] subject {subject:text}] to {addresses} "
                + "(with|containing) {content}",
            example: "send an e-mail with the subject \"Stock\" to me containing stock.csv"
        ) { match, draft throws(FormFault) in try send(match.content("content"), match, &draft) },
        SkillForm(
            "mail.tell", "(tell|notify|inform) {addresses} (that|about|of) {content}",
            example: "notify ann@example.com that \"the import is done\""
        ) { match, draft throws(FormFault) in try send(match.content("content"), match, &draft, subject: "Notification")
        },
        SkillForm(
            "mail.remind", "remind {addresses} (that|about|of|to) {text}", example: "remind me to \"call the bank\""
        ) { match, draft throws(FormFault) in try send(.literal(match.text("text")), match, &draft, subject: "Reminder")
        },
    ]

    private static let subjectMax = 200

    private static func send(
        _ content: Content, _ match: FormMatch, _ draft: inout PlanDraft, subject: String = "Result of your workflow"
    ) throws(FormFault) {
        let subject = match.textIfPresent("subject") ?? subject
        guard subject.utf8.count <= subjectMax, !subject.contains(where: \.isNewline) else {
            throw FormFault("a subject is one line of at most \(subjectMax) bytes")
        }
        let input = try draft.input(content)
        draft.setResult(input)
        let addresses = match.texts("addresses")
        let readers = addresses.map { $0 == Tool.ownerAddress ? "you" : $0 }.joined(separator: ", ")
        draft.add(
            .sendEmail, "Sends \(input.name) to \(readers).",
            ["to": .array(addresses.map(JSONValue.string)), "subject": .string(subject), "text": input.argument])
    }
}
