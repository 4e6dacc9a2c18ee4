package send

import "strings"

// slackErrors are the words with which an incoming webhook says what is wrong.
var slackErrors = map[string]string{
	"invalid_payload":                   "Slack does not understand the message; please report it",
	"invalid_blocks":                    "Slack does not understand the message; please report it",
	"no_text":                           "Slack does not understand the message; please report it",
	"user_not_found":                    "the user that the webhook writes to is gone; make a webhook for another channel",
	"channel_not_found":                 "the channel that the webhook writes to is gone; make a webhook for another one",
	"channel_is_archived":               "the channel that the webhook writes to is archived; unarchive it, or make a webhook for another one",
	"action_prohibited":                 "an administrator of Slack does not allow this; ask him",
	"posting_to_general_channel_denied": "an administrator of Slack does not let webhooks write to this channel; make one for another",
	"no_service":                        "the webhook is disabled, removed or not this one; make a new one and put its URL into the Secret",
	"no_service_id":                     "the webhook is not this one; check the URL in the Secret",
	"no_team":                           "the webhook's workspace is not there; check the URL in the Secret",
	"team_disabled":                     "the webhook's workspace is not active; ask its administrator",
	"invalid_token":                     "the webhook's token is not valid; check the URL in the Secret",
	"missing_text_or_fallback_or_attachments": "Slack does not understand the message; please report it",
}

// explainSlack says what an answer of Slack means; empty where it is not one that is known.
func explainSlack(_ int, answer []byte) string {
	return slackErrors[strings.TrimSpace(string(answer))]
}
