package samples

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/perennial-dev/perennial/api/v1alpha1"
)

// stories are those of each playbook, by what happens.
var stories = map[string]map[string]story{
	"onboarding":    onboardingStories,
	"check-in":      checkInStories,
	"qbr":           qbrStories,
	"usage-drop":    usageDropStories,
	"low-adoption":  lowAdoptionStories,
	"tickets":       ticketsStories,
	"detractor":     detractorStories,
	"champion-left": championStories,
	"rescue":        rescueStories,
	"renewal":       renewalStories,
	"expansion":     expansionStories,
	"advocacy":      advocacyStories,
}

var onboardingStories = map[string]story{
	"from kickoff to first value": {account: "saltmarsh-water", play: func(p *player) {
		p.say("a customer is new")
		p.do("kickoff", "PlanAgreed")
		p.say("the kickoff is held: no sponsor to look for")
		p.do("training", "")
		p.wait(60 * day)
		p.say("sixty days later first value opens")
		p.fact("usage.features", "4")
		p.say("the fourth feature closes it")
		p.c.account.Spec.LifecycleStage = "Adoption"
		p.say("the stage is Adoption: resolved")
	}},
	"nobody holds the kickoff, and there is no sponsor": {account: "juniper-hotels", play: func(p *player) {
		p.wait(9 * day)
		p.say("two working days late")
		p.wait(5 * day)
		p.say("a week late")
		p.do("kickoff", "NoSponsor")
		p.say("the account executive looks for one, before any training")
		p.c.account.Spec.LifecycleStage = "Adoption"
		p.say("it moves on: what is left stays with people")
	}},
	"a customer whom the product leads through": {account: "millstone-brewing", quiet: true, play: func(p *player) { p.say("TechTouch, and Onboarding") }},
}

var checkInStories = map[string]story{
	"month after month": {account: "dunmore-rail", monday: "2026-11-30", play: func(p *player) {
		p.say("between two months")
		p.wait(7 * day)
		p.say("a month begins")
		p.do("ask", "NeedsHelp")
		p.say("they need help")
		p.do("help", "")
		p.wait(30 * day)
		p.say("the next month")
		p.wait(65 * day)
		p.say("two more months, and nobody had time")
		p.do("ask", "NoReply")
		p.wait(7 * day)
		p.say("one of them is asked about, the other is skipped")
	}},
	"while somebody talks to them anyway": {account: "dunmore-rail", monday: "2026-11-30", with: []string{"detractor"}, play: func(p *player) {
		p.answer("5", "slow")
		p.wait(8 * day)
		p.say("the detractor's call keeps the month waiting")
		p.do("call", "Settled")
		p.do("follow-up", "")
		p.say("and then it comes")
	}},
	"a TechTouch customer": {account: "copperfield-cafes", quiet: true, play: func(p *player) { p.wait(40 * day); p.say("forty days later") }},
}

var qbrStories = map[string]story{
	"a quarter, held": {account: "dunmore-rail", monday: "2026-11-30", play: func(p *player) {
		p.say("the quarter in which the playbook comes is over")
		p.wait(67 * day)
		p.say("a quarter begins")
		p.do("prepare", "")
		p.do("meet", "Held")
		p.say("held: the goals are sent")
		p.do("summary", "")
		p.say("done until the next")
	}},
	"a quarter, declined": {account: "dunmore-rail", monday: "2026-11-30", play: func(p *player) {
		p.wait(67 * day)
		p.do("prepare", "")
		p.do("meet", "Declined")
		p.say("declined: why?")
	}},
	"a customer who is not HighTouch": {account: "redwing-couriers", quiet: true, play: func(p *player) { p.wait(100 * day); p.say("a hundred days later") }},
}

var usageDropStories = map[string]story{
	"a collapse that is real": {account: "larkspur-foods", play: func(p *player) {
		p.say("weekly users are down 42.5%%")
		p.do("triage", "RealDrop")
		p.do("call", "Leaving")
		p.say("they are about to leave, and it is a large account")
	}},
	"a collapse in the figures": {account: "larkspur-foods", play: func(p *player) {
		p.say("weekly users are down 42.5%%")
		p.do("triage", "DataError")
		p.say("the import is wrong")
		p.fact("usage.wau_change", "0")
		p.say("the figures are back")
	}},
	"a slow decline that ends before anybody looks": {account: "yarrow-pharmacies", play: func(p *player) {
		p.say("weekly users are down 33.4%%")
		p.wait(3 * day)
		p.say("for three days now")
		p.fact("usage.wau_change", "-4")
		p.say("usage is back: nobody has begun")
		p.fact("usage.wau_change", "-50")
		p.wait(13 * day)
		p.say("down again, within the cooldown")
		p.wait(day)
		p.say("and after it")
	}},
	"nobody looks": {account: "larkspur-foods", play: func(p *player) { p.wait(4 * day); p.say("two working days late") }},
	"while the renewal is under way": {account: "castellan-insurance", with: []string{"renewal"}, quiet: true, play: func(p *player) {
		p.wait(5 * day)
		p.say("down 46.2%%, a month before the renewal")
	}},
	"the figure is not there": {account: "larkspur-foods", quiet: true, play: func(p *player) { p.fact("usage.wau_change", ""); p.wait(9 * day); p.say("no row for a while") }},
	"a team of nine":          {account: "foxglove-florists", quiet: true, play: func(p *player) { p.wait(9 * day); p.say("down 41.7%%, which is four people") }},
	"a decline of two days": {account: "yarrow-pharmacies", quiet: true, play: func(p *player) {
		p.wait(2 * day)
		p.fact("usage.wau_change", "-4")
		p.wait(9 * day)
		p.say("it was a holiday")
	}},
	"a customer in Onboarding": {account: "saltmarsh-water", quiet: true, play: func(p *player) { p.fact("usage.wau_change", "-60"); p.wait(9 * day); p.say("usage goes up and down") }},
}

var lowAdoptionStories = map[string]story{
	"the mail is not enough": {account: "foxglove-florists", play: func(p *player) {
		p.seats(30)
		p.wait(13 * day)
		p.say("9 of 30 seats, not yet for two weeks")
		p.wait(day)
		p.say("for two weeks")
		p.do("invite", "")
		p.wait(14 * day)
		p.say("the mail had its time")
		p.fact("usage.seats_used", "18")
		p.say("60%% of the seats")
	}},
	"the tool does not work": {account: "foxglove-florists", play: func(p *player) {
		p.seats(30)
		p.wait(14 * day)
		p.wait(3 * day)
		p.say("a day late")
	}},
	"the mail is enough": {account: "foxglove-florists", play: func(p *player) {
		p.seats(30)
		p.wait(14 * day)
		p.do("invite", "")
		p.wait(5 * day)
		p.fact("usage.seats_used", "15")
		p.say("half of the seats are in use: nobody needs to ask")
	}},
	"half of the seats in use": {account: "foxglove-florists", quiet: true, play: func(p *player) { p.wait(30 * day); p.say("9 of 18 seats") }},
}

var ticketsStories = map[string]story{
	"a P1 that outlives the morning": {account: "underhill-security", play: func(p *player) {
		p.wait(3 * time.Hour)
		p.say("a P1 since three hours")
		p.wait(time.Hour)
		p.say("since four")
		p.fact("support.open_p1", "0")
		p.say("it is solved: the first task closes itself, the second opens")
		p.do("tell", "")
		p.say("the customer knows")
	}},
	"a pile that nobody works on": {account: "ironbridge-bank", play: func(p *player) {
		p.wait(3 * day)
		p.say("seven tickets for three days")
		p.wait(4 * day)
		p.say("a working day late")
		p.wait(2 * day)
		p.say("three working days late")
	}},
	"a ticket that is three weeks old, put off": {account: "castellan-insurance", play: func(p *player) {
		p.wait(day)
		p.person("push", func(task *v1alpha1.Task) {
			task.Spec.Snooze = &v1alpha1.Snooze{Until: metav1.NewTime(p.now.Add(10 * day)), Reason: "the fix comes with the next release"}
		})
		p.wait(9 * day)
		p.say("late, and no reason to worry anybody")
		p.wait(day)
		p.say("the date has come")
	}},
	"four tickets, none old": {account: "brightwater-clinics", quiet: true, play: func(p *player) { p.wait(10 * day); p.say("four tickets") }},
	"a P1 solved in three hours": {account: "underhill-security", quiet: true, play: func(p *player) {
		p.wait(3 * time.Hour)
		p.fact("support.open_p1", "0")
		p.wait(9 * day)
		p.say("support did it")
	}},
	"a helpdesk without a figure": {account: "underhill-security", quiet: true, play: func(p *player) { p.fact("support.open_p1", ""); p.wait(9 * day); p.say("nobody knows") }},
}

var detractorStories = map[string]story{
	"an answer of 4, and the loop is closed": {account: "castellan-insurance", play: func(p *player) {
		p.say("they gave us 4")
		p.do("call", "NeedsSupport")
		p.say("nine tickets are open")
		p.answer("9", "thank you")
		p.fact("surveys.nps", "9")
		p.say("a 9 changes nothing of it")
		p.fact("support.open_tickets", "0")
		p.say("the tickets are solved: tell them")
		p.do("follow-up", "")
		p.say("the loop is closed")
	}},
	"two answers": {account: "dunmore-rail", play: func(p *player) {
		p.wait(2 * day)
		p.answer("3", "it is slow")
		p.wait(day)
		p.answer("2", "it is still slow")
		p.say("one call at a time")
		p.do("call", "NeedsProduct")
		p.do("product", "")
		p.do("follow-up", "")
		p.wait(6 * day)
		p.say("within the cooldown")
		p.wait(day)
		p.say("the second answer")
	}},
	"nobody calls":    {account: "castellan-insurance", play: func(p *player) { p.wait(7 * day); p.say("two working days late") }},
	"an answer of 9":  {account: "dunmore-rail", quiet: true, play: func(p *player) { p.answer("9", "lovely"); p.say("a promoter") }},
	"nobody answered": {account: "granite-peak-energy", quiet: true, play: func(p *player) { p.wait(9 * day); p.say("no answer") }},
}
