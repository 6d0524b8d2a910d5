import Modules

/// The page that the link of an e-mail about a question opens.
enum ApprovalPage {
    static let missing = page("<p>This link does not belong to a question.</p>")

    static func question(_ approval: WorkflowApproval, token: String) -> HTMLPage {
        let question = "<p>\(approval.question.escapedForMarkup)</p>"
        guard approval.state == .pending else {
            return page(question + "<p>The answer is known: \(approval.state.rawValue).</p>")
        }
        // A token has no characters of HTML syntax.
        return page(
            question + """
                <form method="post" action="/v1/workflow-approvals">\
                <input type="hidden" name="token" value="\(token)">
                <p><button name="decision" value="approve">Approve</button> \
                <button name="decision" value="deny">Deny</button></p></form>
                """)
    }

    private static func page(_ body: String) -> HTMLPage {
        HTMLPage(
            """
            <!doctype html><html lang="en"><head><meta charset="utf-8">\
            <meta name="viewport" content="width=device-width"><title>A step of a workflow</title>
            <link rel="stylesheet" href="/docs/style.css"></head><body><main><h1>A step of a workflow</h1>
            \(body)
            </main></body></html>
            """)
    }
}
