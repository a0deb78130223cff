"""Rules that know a medical emergency or a wish to die when they read one. They come before all learning.

First the figures of speech are taken out ("this is killing me", "heart attack when I saw the bill"), then what is
denied or long past, then what is left is searched for danger. A learnt class is the second net (`Calibration.emergency`).
"""

from __future__ import annotations

import re

from bot.nlu.wording import fold

_WHO = (
    r"(?:i|im|ive|he|hes|she|shes|they|theyre|we|my|your|someone|somebody|(?:my |the |our |his |her )?(?:husband|wife|mom|mum|mother|dad|father|"
    r"papa|mama|son|daughter|baby|kid|child|toddler|boy|girl|brother|sister|friend|gf|bf|girlfriend|boyfriend|neighbor|neighbour|grand\w+|uncle|"
    r"aunt|roommate|colleague|coworker|partner|man|woman|patient|infant|newborn|cousin|niece|nephew|nana|granny|grandpa))"
)
_FIGURES = re.compile(
    "|".join((
        r"(?:is|are|was|be|been|re|s|its|going to|gonna|ll)?\s*(?:kill(?:s|ed|ing)?|murder(?:s|ing)?) me\b(?! (?:please|now|myself))",
        r"(?:the )?death of me|scared? (?:me |him |her )?(?:half )?to death|bored to death|to death\b",
        r"(?:im|i am|were|we are)?\s*dying (?:to|for|of (?:curiosity|boredom|laughter|embarrassment))|dying (?:over )?here",
        r"(?:almost|nearly|about|practically|just|gave me|give me|giving me|like|gonna|going to|damn near|near|near enough|half)\s*(?:had|have|having|get|got)?\s*(?:a|an|my)?\s*(?:damn |mini |small |actual )?(?:heart attack|stroke|coronary|seizure|aneurysm|panic attack|fit|choked|fainted|passed out)",
        r"(?:heart attack|stroke|coronary|choked|aneurysm|fainted) (?:on my (?:tea|coffee|breakfast|cereal|toast) )?(?:when|over|seeing|after (?:seeing|reading)|looking|at the (?:bill|price)|trying)",
        r"stroke of|(?:site|website|portal|page|app|password|computer|phone|system|memory) (?:had|has|is having) a (?:stroke|heart attack|seizure|meltdown)",
        r"(?:my |the |this |old |that |his |her )*(?:phone|cell|mobile|battery|computer|laptop|tablet|ipad|iphone|modem|router|wifi|internet|charger|car|sim|printer|inbox|email|screen|landline|app|site|link|code|number|account|line|tv|signal|it)(?: that| just| completely| has| was| is| got)* (?:died|dies|dead|drowned|killed|suicidal|choked|crashed|expired|poisoned|bleeding)",
        r"killed? (?:off )?(?:the |my |this |that |our |your |it)\s*(?:text|message|app|email|battery|phone|notification|tab|page|window|codes?)?",
        r"(?:id|i would|could|would it) kill (?:for|to|you|them|somebody to)",
        r"shoot me(?: now)?|(?:ill|im gonna|going to|want to|wanna|could) (?:shoot|kill|murder|strangle|smash|throw|stab) (?:this|the|that|your|my) (?:\w+ )?(?:computer|phone|bot|laptop|tablet|screen|thing|app|website|machine|code|printer)",
        r"(?:jump|jumping|throw myself|throwing myself|walk) off (?:the |a |of )?(?:silo|roof|cliff|bridge)? ?(?:ha|lol|haha|jk)+",
        r"bleed(?:s|ing)? (?:me|us|you|my wallet|money|cash)(?: dry)?|eyes? (?:are|is|r) bleeding|bleeding edge|bleeding (?:obvious|useless|thing|code|hell)|bleed(?:s|ing)? (?:a |my )?(?:wallet|account|data)",
        r"(?:suffocat\w+|drown\w*|chok\w+|buried) (?:in|under|on)(?: \w+){0,2} (?:boxes|errors?|pages?|van|paper\w*|texts?|messages?|codes?|menus?|emails?|passwords?|forms?|steps?|screens?|security|hold music|spam)",
        r"(?:drowning|suffocating|choking) in\b|overdos\w+ (?:on|me with|of|us with)(?: \w+)? (?:coffee|christmas|cookies|paper\w*|candy|sugar|caffeine|netflix|security|codes|emails|texts|passwords|tv|chocolate|pizza|salad)|overdos\w+ (?:me|us) with",
        r"(?:dead (?:husband|wife|mother|father|brother|sister|mom|dad|son|phone|battery|number|line|silence|end|tired|zone|spot|wrong|sure|serious|man|simple|on arrival)s?)",
        r"emergency (?:contacts?|number|phone|line|call button|room|visit|department|exit|fund|kit|care|services? (?:bill|charge))\w*|urgent care|(?:an|it s an|its an|says its an|is this an) emergency(?: number)?(?: and (?:he|she|they) need)?",
        r"(?:911|ambulance) (?:\w+ )?(?:bill|charge|invoice|copay|ride bill|i need a (?:human|person|code)|lol)|(?:for|keep it for|kept for) 911",
        r"(?:when|until|before|if) i (?:die|am dead|m dead)|(?:before|till|until|till) (?:the code|it|i) (?:dies?|expire\w*)|live (?:before|until) it dies|how long (?:do|does|before|until) (?:they|it|the code|this thing) (?:live|is dead|dies?)",
        r"(?:life|lifetime|lives) of (?:the|a|this|that) code|end of my (?:rope|tether|wits)|(?:lose|losing|lost) my mind|killer|killing (?:time|it)|kill (?:the )?(?:session|switch|time)|drop dead|over my dead body|deadline",
        r"(?:to|can|able to|cant|could) breathe? (?:new life|easy|easier|down)|breath(?:e|ing)? down my neck|waste of (?:breath|my breath)|hold(?:ing)? my breath|out of breath from|catch my breath|breath of",
        r"(?:want|wanna|going|about|ready) to (?:scream|cry|pull my hair|give up on (?:this|it|your))|ha ha|(?:suicide (?:hotline|prevention) (?:job|volunteer|poster|training))",
        r"(?:history of|had|after) (?:a |my |his |her |two |the )?(?:mild |small |big |massive |second )?(?:heart attacks?|strokes?|seizures?|overdose)s?(?: back)? (?:in (?:19|20)\d\d|last (?:year|month|spring|summer|fall|winter|week)|(?:\w+ )?(?:years?|months?|weeks?) (?:ago|back)|and (?:now )?(?:i |my |he |she )?(?:cant|can not|cannot|type|types|typing|have trouble|use))",
        r"(?:since|after|from|because of|when) (?:my|his|her|the|a|that) (?:stroke|heart attack|seizures?|accident|surgery|overdose)|stroke (?:survivor|patient|rehab|clinic|unit|records?|recovery|victim|history|risk)|heart attack (?:records?|risk|survivor|history)|seizure (?:meds?|medication|clinic|history|disorder)|post stroke|mini stroke last|(?:chest pain|stroke|heart attack|overdose|seizure|suicide|breathing|bleeding) (?:clinic|study|research|class|form|survey|test|results?|bill|appointment|visit|page|article|questionnaire|leaflet|prevention (?:page|class|info))",
        r"(?:first aid|cpr) (?:class|course|training)|bleeding gums|nose ?bleeds? (?:sometimes|often|clinic)|can(?:t|not) breathe? through (?:my|his|her) nose",
    ))
)
_DENIED = re.compile(
    r"\b(?:no|not|isnt|is not|arent|without|never had|dont have|do not have|doesnt have|not having|im not|i am not|am not|aint|wasnt|hasnt|havent)\b"
    r"(?: (?:a|an|any|having|my|really|in|feeling|going to|gonna|trying to|the|had|actually|medical))* "
    r"(?:chest pains?|heart attack|stroke|emergency|dying|suicidal|seizure|bleeding|overdos\w+|kill (?:myself|anyone)|end it|hurt(?:ing)? myself|danger|unconscious)"
)
_LIFE_WORDS = (
    r"\b(?:kill|hurt|harm|cut|shoot|hang|drown|poison|unalive|unalived|stab)(?:ing|ting|ed)? (?:my ?self|him ?self|her ?self|them ?sel(?:f|ves)|our ?selves)\b",
    r"\bkms\b|\bsuicid\w*|\bsucide\b|\bself ?harm\w*|\boffing myself\b|\boff myself\b|\bcut myself\b|\bcutting (?:my )?(?:wrists?|arms?|again)|\b(?:slit|cut|slash\w*) (?:my|his|her) (?:wrists?|throat|veins?|arms? too)",
    r"\b(?:want(?:s|ed)?|wanna|ready|going|gonna|wish(?:es)?|plan\w*|decided|rather|prefer|easier|better) (?:to |i (?:would|could|was|were) |if i )?(?:just )?(?:die|dying|dead|be dead|was dead|were dead)\b(?! (?:to|for|of laugh))",
    r"\bi (?:just )?(?:want|wanna|wish|would like)(?: to)? (?:die|be dead|disappear for ?ever|not (?:be alive|exist|wake up))|\bwish i (?:was|were|had) (?:never born|dead|not alive|not here)|\b(?:better|best) off (?:dead|without me|if i (?:was|were) (?:dead|gone)|going too)\b",
    r"\b(?:dont|do not|didnt|don t|no longer|not|no) (?:wan(?:t|na)|want to|wish|see (?:a|any) (?:point|reason)(?: in)?|feel like)(?: to)? (?:live|living|be here|be alive|wake up|exist|go on living|being alive|being here|see (?:the )?(?:morning|tomorrow))\b(?! (?:on hold|waiting|all day))",
    r"\b(?:end(?:ing)?|finish(?:ing)?|take|taking|took|make (?:the )?end of|put(?:ting)? an end to) (?:it all|my (?:own )?life|his (?:own )?life|her (?:own )?life|(?:their|this) life|everything tonight|it tonight|it all tonight|this life)\b",
    r"\b(?:gonna|going to|will|want to|wanna|thinking of|think(?:ing)? about|ready to) end (?:it|things)(?: all)?(?: tonight| now| today| for good|$| (?:i|and|my|his))",
    r"\b(?:no|any) (?:more )?(?:point|reason|sense)(?: \w+)? (?:in |to |of )?(?:live|living|go on|going on|carry(?:ing)? on|being here|be alive)\b|\blife (?:has no|is not|isnt|not|no) (?:sense|meaning|worth|point)|\bno point to any of it|\bcant (?:go on|keep going|carry on|do (?:this|life|another night of this)) (?:any ?more|any longer|living)",
    r"\b(?:go to )?sleep and (?:not|never|to never|dont) wake|\bnever wake up\b|\b(?:everyone|everybody|they|family|kids|children|the world|he|she)(?:d| would| will| is| are)? (?:be )?better (?:off )?without me\b|\bbetter for (?:my|the) \w+ without me",
    r"\bways? to die\b|\bhow (?:many|much) (?:\w+ ){0,4}to (?:die|kill|overdose)|\b(?:lethal|fatal|deadly) dose\b|\bpills? (?:to|would|will) (?:die|kill)|\bgoodbye (?:text|letter|note)|\b(?:wrote|written|writing|left) (?:the |a |my |already the )?(?:goodbye |suicide )?(?:letters?|note)s? (?:to|for) (?:my|the|everyone|kids|them|children)|\bsay (?:bye|goodbye) to (?:someone|everyone|the doctor|all)",
    r"\b(?:have|got|bought|prepared|holding|looking at|found)(?: \w+){0,4} (?:rope|noose|pistol|gun|knife|razor\w*|pills)\b(?=.*\b(?:tonight|myself|end|die|ready|letter|night|drawer|done|cry|myself|again)\b)|\bjump(?:ing)? (?:off|from) (?:the|a|my|this) (?:bridge|roof|building|balcony|window|overpass)|\bpull(?:ing)? out in front of a (?:truck|train|bus)|\bin front of (?:a|the) train\b",
    r"\b(?:threaten\w*|gonna|going to|wants? to|trying to|tried to) (?:to )?(?:kill|shoot|hang|stab|hurt)(?:ing)? (?:him|her|them|my|our)?-?\s?(?:self|selves|me with|us|somebody|everyone|her|him)\b",
    r"\bi (?:dont|do not) want (?:to )?(?:be|stay) (?:here|alive|around) (?:any ?more|any longer)|\b(?:dont|do not) (?:want to|wanna) be (?:here|alive|around) any ?more|\bdont want to live|\bnot worth living|\bput (?:my|his|her) (?:affairs|papers) in order\b(?=.*\b(?:point|morning|going|note|goodbye|see)\b)|\bwont (?:be here|trouble anyone|see) (?:the morning|tomorrow|after (?:today|tonight))|\b(?:hopeless|worthless|nobody)\b(?=.*\b(?:die|dead|gone|go too|if i go|notice)\b)(?=.*\b(?:i|me|my)\b)(?=.*\b(?:cry|rope|pills?|if i go|even notice if i)\b)",
)
_BODY_WORDS = (
    r"\b(?:can ?t|cant|can not|cannot|couldnt|unable to|hard to|trouble|difficulty|difficult to|struggl\w+ to|not able to|no puedo|barely|not|isnt|is not|stopped|isn t|gasping|fighting to|hardly|wont|doesnt|dont) (?:be )?(?:properly )?(?:breath\w*|breeth\w*|brethe|breth|get (?:any |my |enough )?(?:air|breath)|get a breath|catch (?:my|his|her) breath|take (?:the )?air|swallow (?:the juice|and))",
    r"\b(?:short(?:ness)? of breath|gasping for (?:air|breath)|breath\w* (?:funny|weird|fast and shallow|with noise|stopped|very fast|hard)|hard to (?:take|get) air|feeling suffocat\w+|suffocat\w+ from|throat (?:is )?(?:closing|swelling|closed)|(?:lips?|tongue|tounge|face) (?:is |are |all )?(?:swell\w*|swollen|getting (?:big|fat)|blue|turning blue)|airway)",
    r"\bchest (?:pains?|pressure|tight\w*|is (?:tight|crush\w*)|hurts?|pain|crush\w*|ache\w*)|\b(?:pain|pressure|elephant|weight|truck|tightness|squeezing|crushing|heaviness|heavy|tight)(?: \w+){0,5} (?:in|on|of|across) (?:my |his |her |the )?chest\b|\bpain(?: \w+){0,4} (?:left|down my|down his|down her) arm|\bheart (?:is )?(?:hurts?|stopped|pain|stopping|racing and|pounding and|going like mad)",
    r"\b(?:having|have|has|had|is having|think (?:im |its |he is |she is )?(?:having )?|suffered|hav) (?:a |an |the |another )?(?:massive |mild |small |big )?(?:heart attack|hart attack|hard attack|stroke|seizure|seizures|convulsions?|anaphyla\w+|cardiac arrest|allergic reaction)",
    r"\b(?:heart|hart) attack(?: (?:now|right now|help|please|symptoms right|i think|happening))|\bstroke (?:now|right now|symptoms|signs|help|happening)|\b(?:seizing|seizure\w* (?:and|wont|isnt|not|now)|convuls\w+|anaphyla\w+|epi ?pen|cardiac arrest)\b",
    r"\b(?:face|mouth|smile|side of (?:his|her|my) face)(?: \w+){0,4} (?:droop\w*|crooked|fallen|hang\w*|lopsided|sagging|slid\w*)|\b(?:droop\w*|crooked|lopsided) (?:face|mouth|smile)|\bslurr\w+|\b(?:words|speech)(?: \w+){0,3} (?:no sense|wont come|strange|gibberish|mumbled|garbled)|\b(?:isnt|not|cant) talk\w*(?: right| straight| properly)|\bspeak(?:s|ing)? strange",
    r"\b(?:cant|cannot|can not|unable to|dont|doesnt|stopped) (?:move|feel|lift|raise|obey)(?: \w+){0,3} (?:arm|leg|legs|side|face|hand|body|me)\b|\b(?:arm|leg|hand|face|side|one side)(?: \w+){0,4} (?:numb|paraly\w*|limp|gone numb|weak all of a sudden)|\bsuddenly (?:cant|blind|numb|weak|confused|lost)|\b(?:arm|side) (?:is |went )?(?:num|numb)\b|\bsuddenly dont obey",
    r"\b(?:wont|cant|can t|isnt|is not|not|no|doesnt|does not|dont|didnt|never) (?:be )?(?:wak\w*|woke|respond\w*|rouse|regain)(?: up)?(?! me| us| my phone)\b(?=.{0,40}$|.*\b(?:pills?|blue|breath\w*|help|please|he|she|mom|dad|wife|husband|son|baby)\b)|\bunresponsive\b|\bunconscious\w*|\bnot conscious|\bno pulse\b|\bpassed out\b|\bcollaps\w+|\bfainted\b|\bis faint\b|\bknocked out\b|\bblack(?:ed)? out\b",
    r"\b(?:baby|son|daughter|he|she|hes|shes|lips?|toddler|kid|child|infant)(?: is| has| are|s)?(?: \w+)? (?:turn(?:ing|ed) |went |going )?(?:blue|gray|grey|limp|purple)\b|\bturning blue\b|\bblue lips\b|\bchok(?:ing|ed|es)\b|\bfood stuck\b(?=.*\b(?:talk|breath|throat|cant)\b)|\bdrown(?:ed|ing)\b",
    r"\bbleed\w*(?: \w+){0,4} (?:wont|not|doesnt|isnt|heavil\w+|heavy|badly|lot|bad|everywhere|stop\w*|to death|out|so much|through|thru|profusely)|\b(?:wont|cant|doesnt|not|isnt|so much|lots? of|much|heavy|pregnant and|keeps?|still|internal)(?: \w+){0,2} bleed\w*|\bblood(?: \w+){0,4} (?:everywhere|spurt\w*|not stopp\w*|wont stop|pouring|gushing|not stop|all over|lots)|\b(?:cough\w*|vomit\w*|throw\w* up|puk\w+|spit\w*|peeing|pooping|losing|lots of|lot of|much|so much) (?:up )?blood|\bis bleeding\b|\bhemorrhag\w+|\bstabbed\b|\bbeen shot\b|\bgot shot\b(?! (?:yesterday|for))|\bgunshot\b",
    r"\b(?:overdos\w*|od\W?d|odd on|od on|poison(?:ed|ing)|(?:an|the|the paramedics) od)\b|\b(?:took|taken|take|ate|eaten|swallow\w*|drank|drunk|drinks|drinking|eats|got into|gave (?:himself|herself)|given himself|given herself)(?: \w+){0,6} (?:(?:whole|entire|full) (?:bottle|box|pack|weeks|strip)|too m(?:any|uch)|all (?:of )?(?:the|my|his|her|them|of them)|pills?|tablets?|bleach|antifreeze|poison|battery|batteries|detergent|weed ?killer|drain cleaner|tide pod\w*|gummies|opioids?|heroin|fentanyl|magnets?|insulin|medicine bottle|rat poison|lighter fluid|gasoline|nail polish remover|tylenol|mushrooms?)\b(?! (?:for|to|every|daily|as|with|a day|each))",
    r"\b(?:toddler|baby|kid|child|son|daughter|boy|girl|grandson|granddaughter|dog)\b(?: \w+){0,8} (?:swallow\w*|ate|drank|got into)(?: \w+){0,6} (?:pills?|tablets?|battery|bleach|medicine|meds|coin|magnet\w*|bottle|cleaner|poison|vape)|\bpills everywhere\b|\bempty (?:pill )?bottle\b",
    r"\b(?:call|send|need|get)(?: me| us| a| an| the| for| him| her)* (?:ambulance|911|paramedics?|emt)\b(?! (?:bill|charge))|\bcall somebody\b|\bmedical emergency\b|\bhelp (?:my|me)\b.*\b(?:collapsed|breath\w*|dying|bleeding|floor)|\b(?:is|hes|shes|im|i am|are|he is|she is) (?:actually |really |literally )?dying\b(?! (?:to|for|of|over|here|at|in))|\bdying (?:right now|help)",
    r"\b(?:worst|thunderclap|explosive) (?:headache|pain|head ?ache) (?:of|in|ever)|\bvision (?:went|gone|suddenly|is gone|lost)|\blost (?:my |all )?(?:vision|sight|feeling in)|\bsee(?:ing)? double\b|\bsnake bite\b|\bbitten by a (?:snake|rattle\w*)|\belectrocut\w+|\bsevere (?:burn|allergic)|\bwater broke\b|\bbaby is coming\b|\bhit (?:his|her|my|the) head\b(?=.*\b(?:vomit\w*|throw\w*|confus\w+|awake|bleed\w*|double|sleepy|dizzy|out)\b)|\bhead (?:is |split )?(?:open|explode)",
    r"\b(?:on|in) the (?:kitchen |bathroom |bedroom )?floor\b(?=.*\b(?:talk\w*|not|wont|isnt|cant|respond\w*|help|convuls\w+|breath\w*|blood)\b)(?=.*\b(?:he|she|hes|shes|husband|wife|mom|mother|dad|father|son|daughter|baby|man|woman|isnt|grand\w+)\b)|\bfell(?: \w+){0,6} (?:cant feel|not respond\w*|wont wake|unconscious|head is open|and not moving)|\bnot moving\b(?=.*\b(?:he|she|dad|mom|baby|husband|wife|son|daughter)\b)|\b(?:gas|carbon monoxide) (?:smell|leak|alarm)(?=.*\b(?:faint|dizzy|sick|sleepy|wont|headache)\b)",
    r"\b(?:blood )?sugar (?:is |was |of |at )?(?:[1-4]\d|\d\d and)\b(?! (?:years|yrs|minutes|min))|\bdiabetic (?:coma|shock)|\binsulin (?:shock|overdose)|\b(?:husband|wife|mom|dad|mother|father|son|daughter|baby|kid|grand\w+|man|woman|he|she) (?:is |was )?(?:not breathing|stopped breathing|isnt breathing)|\bnot breathing\b|\b(?:beating|beats|hitting|choking|strangl\w+) me\b(?=.*\b(?:now|help|husband|boyfriend|partner|he|she)\b)|\bsweat\w*(?=.*\b(?:chest|heart|arm|jaw)\b)(?=.*\b(?:pain|pressure|hurts?|ach\w+|tight|sitting)\b)",
)
_DANGER = re.compile("|".join((*_LIFE_WORDS, *_BODY_WORDS)))


def is_emergency(text: str) -> bool:
    """Whether a raw message tells of a medical emergency or of harm to oneself, the writer's or somebody's near."""
    plain = re.sub(r"[^a-z0-9 ]+", " ", re.sub(r"(?<=\w)['\u2019](?=\w)", "", fold(text)))
    plain = " ".join(plain.split())
    plain = _FIGURES.sub(" , ", plain)
    plain = _DENIED.sub(" , ", plain)
    return _DANGER.search(plain) is not None
